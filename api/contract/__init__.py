"""The JSON contract: how items, hits, answers and errors are spelled by `--json`, by HTTP and by the Python client.

Each kind of value has a module with its fields (`…_fields`, domain value → JSON) and the way back (`read_…`), which
does without what an older service leaves out. `vasari.api.json_text` writes the documents. Nothing here does I/O or
imports pydantic: a test holds the schemas of OpenAPI against these modules.
"""

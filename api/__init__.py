"""How people and programs reach the engine; no logic of its own."""

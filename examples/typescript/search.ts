// Search, tag what is found, and take the tag off again: see package.json. `vasari.d.ts` is made of /openapi.json.

import createClient from "openapi-fetch";
import type { paths } from "./vasari.js";

const [url, words = "a boat"] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${process.env.VASARI_KEY ?? ""}` } });

const { data, error } = await client.POST("/v1/search", { body: { query: words, limit: 3 } });
if (error) throw new Error(error.detail);
for (const hit of data.hits) console.log(hit.score.toFixed(3), hit.uri);

const [best] = data.hits;
const said = await client.POST("/v1/annotate", { body: { ids: [best.id], add_tags: ["found"] } });
console.log(said.data?.changed, "tagged");
await client.POST("/v1/annotate", { body: { ids: [best.id], remove_tags: ["found"] } });

const small = { path: { id: best.id }, query: { side: 320 as const } };
const picture = await client.GET("/v1/items/{id}/thumbnail", { params: small, parseAs: "arrayBuffer" });
console.log(picture.data?.byteLength, "bytes of WebP");

const wrong = await client.POST("/v1/search", { body: { query: "-" } });
console.log(wrong.error?.detail);

"""The HTTP API: parses requests, calls the store, and encodes responses. It uses the store only through its methods.

| module | owns |
|---|---|
| app | `build_api`: the FastAPI application with its middleware |
| fast_path | hot routes without FastAPI, and fast readers of bodies in their plain form |
| http | what all routes share: guards, authorization, bodies, responses, problems, OpenAPI |
| endpoint_cache | shared copies of the endpoints of fleets |
| routes | the endpoints, one module for each resource |
| schemas | request and response models |
"""

"""A Microsoft 365 tenant in a box: real HTTP, the cloud's own refusals, and a page that shows what happened.

`server.Simulator` runs it; `world.World` is the state that its services share. Each service is a package with
`routes(world)`. To add a Graph operation: a handler and one `Operation` row in its area under `graph/`, the type's
properties in `graph/schema*.py`; the contract test then checks path, permission and answer.
"""

"""The spine: scopes, the pipeline of a step, and the runs that hold them."""

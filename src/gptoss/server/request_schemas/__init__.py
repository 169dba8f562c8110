"""What stands inside of requests, for the OpenAPI document alone: no request passes through these schemas."""

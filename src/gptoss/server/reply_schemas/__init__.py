"""What replies are, for the OpenAPI document alone: no reply passes through these schemas, which cost nothing then."""

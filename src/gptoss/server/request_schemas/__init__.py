"""What stands inside of requests, as the OpenAPI document shows it; readers elsewhere check most of it."""

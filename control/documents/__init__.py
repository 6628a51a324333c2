"""What is public, described: OpenAPI and AsyncAPI, made from the types themselves."""

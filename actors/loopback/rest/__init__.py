"""What is answered over HTTP, endpoint by endpoint."""

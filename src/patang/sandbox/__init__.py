"""A local exchange that speaks Kite Connect's own protocol over HTTP and WebSocket."""

"""HTTP/1.1 on sockets: connections, their limits, and what is no request."""

"""The Responses API: a response, its items and the events of its stream. Replies are made of these types."""

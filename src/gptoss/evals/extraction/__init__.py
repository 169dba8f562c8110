"""What an answer says, read out of its text by named stages."""

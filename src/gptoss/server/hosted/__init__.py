"""Tools that the server runs for the model, in whichever dialect they are asked for."""

"""The differentiable twin, training from scratch, and export to the released layout. The only user of torch."""

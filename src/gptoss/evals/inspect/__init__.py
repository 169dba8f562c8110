"""inspect-ai over this package: the engine as its provider `gptoss`, the suites as its tasks; alone imports it"""

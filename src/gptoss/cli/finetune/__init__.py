"""`gptoss finetune`: what is asked for, what a person sees of it, and how it ends."""

"""The exercise's province: a simulated Berkane that several made-up sources report of."""

print("frostline")

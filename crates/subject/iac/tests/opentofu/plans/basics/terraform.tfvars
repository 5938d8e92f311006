environment = "production"
given       = ["x", 1, true]

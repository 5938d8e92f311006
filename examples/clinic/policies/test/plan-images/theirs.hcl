mock "tfplan/v2" {
  module {
    source = "mock-theirs.sentinel"
  }
}

test {
  rules = {
    main = false
  }
}

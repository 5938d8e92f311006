mock "tfplan/v2" {
  module {
    source = "mock-ours.sentinel"
  }
}

test {
  rules = {
    main = true
  }
}

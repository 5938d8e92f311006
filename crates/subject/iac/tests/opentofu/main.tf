# What the expressions of `expressions.tsv` refer to.

variable "list_of_strings" {
  type    = list(string)
  default = [1, "b", true]
}

variable "set_of_strings" {
  type    = set(string)
  default = ["b", "a", "b"]
}

variable "map_of_strings" {
  type    = map(string)
  default = { a = 1, b = true }
}

variable "number" {
  type    = number
  default = "12.50"
}

variable "text" {
  type    = string
  default = 5
}

variable "truth" {
  type    = bool
  default = "true"
}

variable "any" {
  default = { name = "x", tags = ["t1", "t2"] }
}

variable "settings" {
  type = object({
    name    = string
    size    = optional(number, 10)
    note    = optional(string)
    nested  = optional(object({ on = optional(bool, true), port = optional(number) }), {})
    members = optional(list(string), ["m"])
  })
  default = { name = "n", extra = "dropped" }
}

variable "users" {
  type = map(object({
    role  = optional(string, "reader")
    ports = optional(set(number), [])
  }))
  default = { ann = {}, bob = { role = "writer", ports = ["80", 443, 80] } }
}

variable "tuple" {
  type    = tuple([string, number, bool])
  default = [1, "2", "false"]
}

variable "nothing" {
  type    = string
  default = null
}

variable "not_null" {
  type     = string
  default  = "fallback"
  nullable = false
}

locals {
  one    = 1
  name   = "probity"
  list   = ["a", "b", "c"]
  map    = { a = 1, b = 2, c = 3 }
  people = [{ name = "ann", age = 30, tags = ["x"] }, { name = "bob", age = 25, tags = ["y", "z"] }]
  nested = { list = [{ id = 1 }, { id = 2 }], "dash-key" = "d", "1" = "one" }
}

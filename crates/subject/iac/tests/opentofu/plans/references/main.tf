variable "map" {
  default = { a = { b = [1, 2, { c = "deep" }] }, "with.dot" = "x" }
}

variable "index" {
  default = 1
}

variable "list" {
  default = ["x", "y", "z"]
}

locals {
  one  = var.map.a.b[2].c
  many = [for k, v in var.map : k]
}

resource "terraform_data" "a" {
  count = 2
  input = var.list[var.index]
}

resource "terraform_data" "b" {
  for_each = toset(var.list)
  input    = each.key
}

resource "terraform_data" "references" {
  input = [
    var.map.a.b[2].c,
    var.map["with.dot"],
    var.map["a"].b,
    var.list[0],
    var.list.1,
    var.list[var.index],
    var.list[local.one == "deep" ? 0 : 1],
    terraform_data.a[0].input,
    terraform_data.a[var.index].input,
    terraform_data.a.*.input,
    terraform_data.a[*].input,
    terraform_data.b["x"].input,
    [for item in terraform_data.b : item.input],
    { for k, v in var.map : k => [for x in var.list : "${k}${x}${var.index}"] },
    path.module,
    terraform.workspace,
    "%{ if var.index > 0 }${local.one}%{ else }no%{ endif }",
    "%{ for x in var.list }${x}${var.index}%{ endfor }",
    try(var.map.none, local.many[0]),
    -var.index + (var.index * 2),
    !(var.index == 1),
    { (var.list[0]) = 1, plain = 2, "quoted ${var.index}" = 3 },
    length(var.list) > 2 ? var.list : [],
  ]
}

resource "terraform_data" "constants" {
  input = [
    1 + 2,
    "a${"b"}",
    [for x in [1, 2] : x * 2],
    { a = { b = null } },
    true ? 1 : 2,
    !true,
    -1,
    "plain",
    "",
    [],
    {},
  ]
  triggers_replace = upper("needs a function")
}

output "whole" {
  value = terraform_data.b
}

output "instance" {
  value = terraform_data.a[1]
}

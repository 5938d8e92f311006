variable "zones" {
  default = ["a", "b"]
}

variable "token" {
  sensitive = true
  default   = "t0ken-of-the-store"
}

module "network" {
  source = "./network"
  cidr   = "10.0.0.0/16"
  zones  = var.zones
}

module "store" {
  source   = "./store"
  for_each = toset(["logs", "data"])
  name     = "${each.key}-${module.network.id}"
  label    = each.value
  token    = var.token

  depends_on = [module.network]
}

module "copies" {
  source = "./store"
  count  = 2
  name   = "copy ${count.index}"
  label  = "fixed"
}

module "never" {
  source = "./store"
  count  = 0
  name   = "never"
}

resource "terraform_data" "uses" {
  input = {
    subnets = module.network.subnets
    first   = module.network.subnets[0]
    one     = module.store["logs"].label
    all     = [for store in module.store : store.label]
    copies  = module.copies[*].label
    copy    = module.copies[1].label
    token   = module.copies[0].token
  }
}

output "labels" {
  value = { for key, store in module.store : key => store.label }
}

output "tokens" {
  value     = module.store["data"].token
  sensitive = true
}

# natkeeper's three roles with Terraform (provider aliyun/alicloud). Print the policies first, for exactly your configuration:
#
#   natkeeper policy --for function > function.json
#   natkeeper policy --for probe > probe.json
#   natkeeper policy --for oos > oos.json
#
# Run that again, and terraform apply, when natkeeper.yaml changes.

terraform {
  required_providers {
    alicloud = {
      source = "aliyun/alicloud"
    }
  }
}

locals {
  roles = {
    natkeeper-failover = { trusts = "fc.aliyuncs.com", policy = "function.json" }
    natkeeper-probe    = { trusts = "fc.aliyuncs.com", policy = "probe.json" }
    natkeeper-oos      = { trusts = "oos.aliyuncs.com", policy = "oos.json" }
  }
}

resource "alicloud_ram_role" "natkeeper" {
  for_each  = local.roles
  role_name = each.key
  assume_role_policy_document = jsonencode({
    Version = "1"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = [each.value.trusts] }
    }]
  })
}

resource "alicloud_ram_policy" "natkeeper" {
  for_each        = local.roles
  policy_name     = each.key
  policy_document = file("${path.module}/${each.value.policy}")
}

resource "alicloud_ram_role_policy_attachment" "natkeeper" {
  for_each    = local.roles
  role_name   = alicloud_ram_role.natkeeper[each.key].role_name
  policy_name = alicloud_ram_policy.natkeeper[each.key].policy_name
  policy_type = "Custom"
}

# What must not be in the state: the guarded route entry and, with address.follow, the binding of its EIP. natkeeper moves
# them, and their ids or attributes hold where they went, so the next apply would move them back, or create them twice.
# Both resources of the provider are meant, alicloud_route_entry and alicloud_vpc_route_entry. Hand them over without
# touching them (Terraform 1.7 or newer; `terraform state rm` before that):
#
# removed {
#   from = alicloud_route_entry.default
#   lifecycle {
#     destroy = false
#   }
# }
#
# removed {
#   from = alicloud_vpc_route_entry.default
#   lifecycle {
#     destroy = false
#   }
# }
#
# removed {
#   from = alicloud_eip_association.gateway
#   lifecycle {
#     destroy = false
#   }
# }
#
# If you must keep alicloud_vpc_route_entry (its id is table and entry), let natkeeper have what it writes:
#
#   lifecycle {
#     ignore_changes = [next_hop_id, next_hop_type, route_entry_name, description]
#   }

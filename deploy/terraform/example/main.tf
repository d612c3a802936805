# A production network beside the octue core and cluster modules, as docs/DEPLOY.md begins with it: the functions of the
# latter still run, and have the events.

terraform {
  required_version = ">= 1.5"
  # Here goes your backend, as in your other code: without one the state is a file in this folder.
}

provider "google" {
  project = local.project
  region  = local.region
}

locals {
  project = "my-project"
  region  = "europe-west1"
}

module "twined_functions" {
  # Elsewhere than in this folder: the path of deploy/terraform in a checkout, or a git URL
  # (git::https://HOST/PATH.git//deploy/terraform?ref=COMMIT).
  source = "../"

  google_cloud_project_id          = local.project
  google_cloud_region              = local.region
  environment                      = "main"
  maintainer_service_account_names = ["default"]
  image                            = "europe-west1-docker.pkg.dev/my-project/images/twined-functions:0.1.0"

  # Until the swap; see docs/DEPLOY.md.
  event_handler_name_suffix    = "-next"
  service_registry_name_suffix = "-next"
  push_enabled                 = false

  # Finished Jobs make way after a day.
  job_ttl_seconds_after_finished = 86400
}

output "service_registry_url" {
  value = module.twined_functions.service_registry_url
}

output "services_topic_name" {
  value = module.twined_functions.services_topic_name
}

# What the steps of docs/DEPLOY.md ask for.

output "event_handler_service_account" {
  value = module.twined_functions.event_handler_service_account
}

output "event_handler_service_account_id" {
  value = module.twined_functions.event_handler_service_account_id
}

output "event_handler_environment" {
  value = module.twined_functions.event_handler_environment
}

output "service_registry_environment" {
  value = module.twined_functions.service_registry_environment
}

output "dead_letter_subscription" {
  value = module.twined_functions.dead_letter_subscription
}

# A production network beside the octue core and cluster modules, as docs/DEPLOY.md begins with it: the functions of the
# latter still run, and have the events.

terraform {
  required_version = ">= 1.5"
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

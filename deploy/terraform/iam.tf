# An account for each service and one for the push; each role on the one thing that it is for, where roles can be
# granted there. docs/DEPLOY.md has the table of which call needs which permission.

resource "google_service_account" "event_handler" {
  project      = var.google_cloud_project_id
  account_id   = "${local.account_prefix}-twined-event-handler"
  display_name = "Twined event handler"

  lifecycle {
    precondition {
      condition     = length(local.account_prefix) <= 9
      error_message = "With an environment of more than 9 characters give account_prefix: an account's name has at most 30."
    }
  }
}

resource "google_service_account" "service_registry" {
  project      = var.google_cloud_project_id
  account_id   = "${local.account_prefix}-twined-registry"
  display_name = "Twined service registry"
}

resource "google_service_account" "push" {
  project      = var.google_cloud_project_id
  account_id   = "${local.account_prefix}-twined-push"
  display_name = "Pushes Twined events to the event handler"
}

# The push

resource "google_cloud_run_v2_service_iam_member" "push" {
  project  = var.google_cloud_project_id
  location = var.google_cloud_region
  name     = google_cloud_run_v2_service.event_handler.name
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}

resource "google_service_account_iam_member" "push_tokens" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

# The event handler

resource "google_bigquery_table_iam_member" "event_handler" {
  project    = var.google_cloud_project_id
  dataset_id = var.bigquery_dataset
  table_id   = var.bigquery_table
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.event_handler.member
}

resource "google_project_iam_member" "cluster_viewer" {
  project = var.google_cloud_project_id
  role    = "roles/container.clusterViewer"
  member  = google_service_account.event_handler.member
}

resource "google_project_iam_member" "cluster_developer" {
  count = var.kubernetes_access == "developer" ? 1 : 0

  project = var.google_cloud_project_id
  role    = "roles/container.developer"
  member  = google_service_account.event_handler.member
}

# The DNS endpoint wants this of whoever comes through it; roles/container.developer has it.

resource "google_project_iam_custom_role" "cluster_connect" {
  count = var.kubernetes_access == "role" && var.kubernetes_endpoint == "dns" ? 1 : 0

  project     = var.google_cloud_project_id
  role_id     = "${var.environment}_twined_cluster_connect"
  title       = "Twined event handler: the cluster's DNS endpoint"
  permissions = ["container.clusters.connect"]
}

resource "google_project_iam_member" "cluster_connect" {
  count = var.kubernetes_access == "role" && var.kubernetes_endpoint == "dns" ? 1 : 0

  project = var.google_cloud_project_id
  role    = google_project_iam_custom_role.cluster_connect[0].id
  member  = google_service_account.event_handler.member
}

resource "google_pubsub_topic_iam_member" "event_handler" {
  project = var.google_cloud_project_id
  topic   = local.topic_name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.event_handler.member

  depends_on = [google_pubsub_topic.services]
}

resource "google_pubsub_topic_iam_member" "event_handler_dead_letters" {
  project = var.google_cloud_project_id
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.event_handler.member
}

# Pub/Sub itself, where the subscription has a dead-letter policy of its own

resource "google_pubsub_topic_iam_member" "agent_dead_letters" {
  count = var.subscription_dead_letter_attempts == null ? 0 : 1

  project = var.google_cloud_project_id
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "agent" {
  count = var.subscription_dead_letter_attempts == null ? 0 : 1

  project      = var.google_cloud_project_id
  subscription = google_pubsub_subscription.events.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# The service registry

resource "google_artifact_registry_repository_iam_member" "service_registry" {
  project    = var.google_cloud_project_id
  location   = var.google_cloud_region
  repository = var.artifact_registry_repository
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.service_registry.member
}

resource "google_cloud_run_v2_service_iam_member" "maintainers" {
  for_each = var.maintainer_service_account_names

  project  = var.google_cloud_project_id
  location = var.google_cloud_region
  name     = google_cloud_run_v2_service.service_registry.name
  role     = "roles/run.invoker"
  member   = "serviceAccount:maintainer-${each.value}@${var.google_cloud_project_id}.iam.gserviceaccount.com"
}

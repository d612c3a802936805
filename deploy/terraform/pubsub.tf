resource "google_pubsub_topic" "services" {
  count = var.create_services_topic ? 1 : 0

  project = var.google_cloud_project_id
  name    = local.topic_name
}

resource "google_pubsub_subscription" "events" {
  project                    = var.google_cloud_project_id
  name                       = "${local.topic_name}.event-handler"
  topic                      = "projects/${var.google_cloud_project_id}/topics/${local.topic_name}"
  ack_deadline_seconds       = var.request_timeout_seconds
  message_retention_duration = "${var.message_retention_seconds}s"
  enable_message_ordering    = var.message_ordering

  # Never: a subscription that expires takes the network's events with it.
  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dynamic "push_config" {
    for_each = coalesce(var.push_enabled, true) ? [google_cloud_run_v2_service.event_handler.uri] : []
    content {
      push_endpoint = push_config.value
      oidc_token {
        service_account_email = google_service_account.push.email
        audience              = push_config.value
      }
    }
  }

  dynamic "dead_letter_policy" {
    for_each = var.subscription_dead_letter_attempts == null ? [] : [var.subscription_dead_letter_attempts]
    content {
      dead_letter_topic     = google_pubsub_topic.dead_letters.id
      max_delivery_attempts = dead_letter_policy.value
    }
  }

  lifecycle {
    precondition {
      condition     = var.event_handler_name_suffix == "" || var.push_enabled != null
      error_message = "With event_handler_name_suffix say push_enabled: false while the old function has the events."
    }
  }

  depends_on = [
    google_pubsub_topic.services,
    google_service_account_iam_member.push_tokens,
    google_cloud_run_v2_service_iam_member.push,
    google_pubsub_topic_iam_member.agent_dead_letters,
  ]
}

# What can never be stored.

resource "google_pubsub_topic" "dead_letters" {
  project = var.google_cloud_project_id
  name    = "${var.environment}.octue.twined.dead-letters"
}

resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.google_cloud_project_id
  name                       = "${var.environment}.octue.twined.dead-letters.kept"
  topic                      = google_pubsub_topic.dead_letters.id
  message_retention_duration = "${var.dead_letter_retention_seconds}s"

  expiration_policy {
    ttl = ""
  }
}

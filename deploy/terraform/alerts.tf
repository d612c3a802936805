# For whoever is on call, where notification channels are given. What else docs/METRICS.md alerts on needs log-based metrics,
# or a collector beside the function.

resource "google_monitoring_alert_policy" "waiting_events" {
  count = length(var.alert_notification_channels) == 0 ? 0 : 1

  project               = var.google_cloud_project_id
  display_name          = "${var.environment}: Twined events wait"
  combiner              = "OR"
  notification_channels = var.alert_notification_channels

  conditions {
    display_name = "The oldest event that is not acknowledged"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.events.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.alert_waiting_seconds
      duration        = "300s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
}

resource "google_monitoring_alert_policy" "dead_letters" {
  count = length(var.alert_notification_channels) == 0 ? 0 : 1

  project               = var.google_cloud_project_id
  display_name          = "${var.environment}: Twined dead letters"
  combiner              = "OR"
  notification_channels = var.alert_notification_channels

  conditions {
    display_name = "Dead letters that nobody has taken"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.dead_letters.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
}

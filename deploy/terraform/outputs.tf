output "service_registry_url" {
  description = "Where clients ask the registry."
  value       = google_cloud_run_v2_service.service_registry.uri
}

output "services_topic_name" {
  description = "The topic of the network."
  value       = local.topic_name
}

output "event_handler_url" {
  description = "Where events are pushed to."
  value       = google_cloud_run_v2_service.event_handler.uri
}

output "event_handler_service_account" {
  description = "The event handler's account: one of the users of a Kubernetes Role where there is one."
  value       = google_service_account.event_handler.email
}

output "event_handler_service_account_id" {
  description = "Its number, which is its name as a user of Kubernetes where its token does not tell its e-mail."
  value       = google_service_account.event_handler.unique_id
}

output "event_handler_environment" {
  description = "The event handler's environment, for a job that runs `check event-handler`."
  value       = local.event_handler_environment
}

output "service_registry_service_account" {
  description = "The registry's account."
  value       = google_service_account.service_registry.email
}

output "service_registry_environment" {
  description = "The registry's environment, for a job that runs `check service-registry`."
  value       = local.service_registry_environment
}

output "dead_letter_subscription" {
  description = "Where dead letters are read."
  value       = google_pubsub_subscription.dead_letters.name
}

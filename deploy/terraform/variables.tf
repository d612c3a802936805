# Those of the octue cluster module, with its defaults.

variable "google_cloud_project_id" {
  description = "The project that everything is in."
  type        = string
}

variable "google_cloud_region" {
  description = "The region of the services, the cluster and the repository."
  type        = string
}

variable "maintainer_service_account_names" {
  description = "Who may ask the registry: maintainer-<name>@<project>.iam.gserviceaccount.com for each name."
  type        = set(string)
  default     = ["default"]
}

variable "environment" {
  description = "One word that every name begins with; main in production."
  type        = string
  default     = "default"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*$", var.environment))
    error_message = "The environment is one word: a lower-case letter, then letters and digits."
  }
}

variable "maximum_event_handler_instances" {
  description = "The most instances of the event handler at once."
  type        = number
  default     = 100
}

variable "maximum_service_registry_instances" {
  description = "The most instances of the service registry at once."
  type        = number
  default     = 10
}

variable "deletion_protection" {
  description = "Whether Terraform must not delete the services and the view."
  type        = bool
  default     = true
}

variable "question_default_resources" {
  description = "What a question gets that does not say what it needs; Kubernetes quantities."
  type = object({
    cpus              = optional(string, "1")
    memory            = optional(string, "512Mi")
    ephemeral_storage = optional(string, "1Gi")
  })
  default = {}
}

variable "local_queue" {
  description = "Kueue's LocalQueue that Jobs go to."
  type = object({
    name = optional(string, "local-queue")
  })
  default = {}
}

# Ours.

variable "image" {
  description = "The image, best by digest: <region>-docker.pkg.dev/<project>/<repository>/twined-functions@sha256:…"
  type        = string
}

variable "account_prefix" {
  description = "What the accounts' names begin with; null: the environment. At most 9 characters, since a name has 30."
  type        = string
  default     = null

  validation {
    condition     = var.account_prefix == null ? true : can(regex("^[a-z][a-z0-9]{0,8}$", var.account_prefix))
    error_message = "A lower-case letter, then at most 8 letters and digits."
  }
}

variable "event_handler_name_suffix" {
  description = "Ends the event handler's name while the old function still has it; it may stay afterwards."
  type        = string
  default     = ""
}

variable "service_registry_name_suffix" {
  description = "Ends the registry's name while the old function still has it."
  type        = string
  default     = ""
}

variable "push_enabled" {
  description = "Whether events are pushed to the handler; while false the subscription keeps them. With a suffix it must be said, since the old handler may still have them; else null is true."
  type        = bool
  default     = null
}

variable "create_services_topic" {
  description = "Whether this module makes the network's topic; false where the cluster module has it."
  type        = bool
  default     = false
}

variable "bigquery_dataset" {
  description = "The dataset of the events table (core module)."
  type        = string
  default     = "octue_twined"
}

variable "bigquery_table" {
  description = "The events table (core module)."
  type        = string
  default     = "service-events"
}

variable "create_distinct_view" {
  description = "Whether to make the view of events without duplicates."
  type        = bool
  default     = true
}

variable "artifact_registry_repository" {
  description = "The repository of the service revisions' images (core module)."
  type        = string
  default     = "octue-twined-services"
}

variable "kubernetes_cluster_name" {
  description = "The cluster; null: <environment>-octue-twined-cluster."
  type        = string
  default     = null
}

variable "kubernetes_service_account_name" {
  description = "The Jobs' Kubernetes service account; null: <environment>-octue-twined-kubernetes-service-account."
  type        = string
  default     = null
}

variable "kubernetes_endpoint" {
  description = "Which endpoint of the cluster is used: auto, dns, public or private."
  type        = string
  default     = "auto"

  validation {
    condition     = contains(["auto", "dns", "public", "private"], var.kubernetes_endpoint)
    error_message = "One of auto, dns, public, private."
  }
}

variable "kubernetes_access" {
  description = "developer: roles/container.developer in the project, which reads and writes everything in its clusters, Secrets too. role: apply deploy/kubernetes/job-role.yaml instead (docs/DEPLOY.md, step 3)."
  type        = string
  default     = "developer"

  validation {
    condition     = contains(["developer", "role"], var.kubernetes_access)
    error_message = "One of developer, role."
  }
}

variable "request_timeout_seconds" {
  description = "Cloud Run's limit for one request, CLOUD_RUN_TIMEOUT_SECONDS, and the acknowledgement deadline."
  type        = number
  default     = 60

  validation {
    condition     = var.request_timeout_seconds >= 10 && var.request_timeout_seconds <= 600
    error_message = "From 10 to 600: Pub/Sub's acknowledgement deadline can be no longer."
  }
}

variable "event_handler_concurrency" {
  description = "Events at once in one instance."
  type        = number
  default     = 80
}

variable "service_registry_concurrency" {
  description = "Look-ups at once in one instance."
  type        = number
  default     = 80
}

variable "memory" {
  description = "Memory of an instance."
  type        = string
  default     = "512Mi"
}

variable "cpu" {
  description = "Processors of an instance; below 1 Cloud Run allows one request at a time only."
  type        = string
  default     = "1"
}

variable "minimum_instances" {
  description = "Instances that are kept of each service though nothing is asked."
  type        = number
  default     = 0
}

variable "vpc" {
  description = "Where the private endpoint of the cluster is used: a network and subnetwork that reach it."
  type = object({
    network    = string
    subnetwork = string
  })
  default = null
}

variable "message_ordering" {
  description = "Whether messages of one question are delivered in order. A change makes a new subscription."
  type        = bool
  default     = false
}

variable "message_retention_seconds" {
  description = "How long unacknowledged events are kept."
  type        = number
  default     = 604800
}

variable "dead_letter_retention_seconds" {
  description = "How long dead letters are kept for whoever looks at them."
  type        = number
  default     = 604800
}

variable "subscription_dead_letter_attempts" {
  description = "After how many deliveries Pub/Sub itself gives up, 5 to 100; null: never. Every 503 of an outage counts."
  type        = number
  default     = null
}

variable "registry_path_prefix" {
  description = "A first path segment that the registry takes off, where clients' URLs still have it; null: the function's name."
  type        = string
  default     = null
}

variable "registry_audiences" {
  description = "Further audiences of ID tokens that the registry takes, beside its own URLs and the old function's."
  type        = list(string)
  default     = []
}

variable "report_undispatchable_questions" {
  description = "Whether an asker is told of a question that can never be run."
  type        = bool
  default     = true
}

variable "job_namespace" {
  description = "The namespace of the Jobs."
  type        = string
  default     = "default"
}

variable "job_command" {
  description = "The Jobs' command; null: the program's default; empty: the image's own."
  type        = string
  default     = null
}

variable "job_ttl_seconds_after_finished" {
  description = "When a finished Job is removed; null: never."
  type        = number
  default     = null
}

variable "job_backoff_limit" {
  description = "How often a Job's Pod is tried again; null: the cluster's default."
  type        = number
  default     = null
}

variable "job_active_deadline_seconds" {
  description = "How long a Job may run; null: for ever."
  type        = number
  default     = null
}

variable "job_priority_class" {
  description = "Kueue's WorkloadPriorityClass of the Jobs; null: none."
  type        = string
  default     = null
}

variable "log_level" {
  description = "Which lines are logged: DEBUG, INFO, WARNING or ERROR."
  type        = string
  default     = "INFO"
}

variable "log_execution_id" {
  description = "Whether log lines are labelled with the execution's id."
  type        = bool
  default     = false
}

variable "metrics_port" {
  description = "The port of Prometheus's text; null: none. It is for a collector beside the function, and this module starts none: alone it changes nothing."
  type        = number
  default     = null
}

variable "alert_notification_channels" {
  description = "Who is told of events that wait, and of dead letters: ids of notification channels. Empty: no alerts are made."
  type        = list(string)
  default     = []
}

variable "alert_waiting_seconds" {
  description = "How old the oldest event may become that is not acknowledged."
  type        = number
  default     = 600
}

# The two functions of an Octue Twined network as Cloud Run services, in place of the functions of the octue cluster
# module. The cluster, Kueue, the events table and the repository of images stay where they are.

data "google_project" "this" {
  project_id = var.google_cloud_project_id
}

locals {
  event_handler_name    = "${var.environment}-octue-twined-service-event-handler"
  service_registry_name = "${var.environment}-octue-twined-service-registry"
  cluster_name          = coalesce(var.kubernetes_cluster_name, "${var.environment}-octue-twined-cluster")
  topic_name            = "${var.environment}.octue.twined.services"
  account_prefix        = coalesce(var.account_prefix, var.environment)
  pubsub_agent          = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  repository            = "projects/${var.google_cloud_project_id}/locations/${var.google_cloud_region}/repositories/${var.artifact_registry_repository}"
  old_registry_url      = "https://${var.google_cloud_region}-${var.google_cloud_project_id}.cloudfunctions.net/${local.service_registry_name}"

  kubernetes_service_account = coalesce(
  var.kubernetes_service_account_name, "${var.environment}-octue-twined-kubernetes-service-account")

  common_settings = {
    GOOGLE_CLOUD_PROJECT      = var.google_cloud_project_id
    CLOUD_RUN_TIMEOUT_SECONDS = tostring(var.request_timeout_seconds)
    LOG_LEVEL                 = var.log_level
    LOG_EXECUTION_ID          = var.log_execution_id ? "true" : null
    METRICS_PORT              = var.metrics_port == null ? null : tostring(var.metrics_port)
  }

  event_handler_settings = {
    ARTIFACT_REGISTRY_REPOSITORY_URL   = "${var.google_cloud_region}-docker.pkg.dev/${var.google_cloud_project_id}/${var.artifact_registry_repository}"
    BIGQUERY_EVENTS_TABLE              = "${var.bigquery_dataset}.${var.bigquery_table}"
    KUBERNETES_CLUSTER_ID              = "projects/${var.google_cloud_project_id}/locations/${var.google_cloud_region}/clusters/${local.cluster_name}"
    KUBERNETES_SERVICE_ACCOUNT_NAME    = local.kubernetes_service_account
    KUBERNETES_ENDPOINT                = var.kubernetes_endpoint
    KUEUE_LOCAL_QUEUE                  = var.local_queue.name
    TWINED_SERVICES_TOPIC_NAME         = local.topic_name
    QUESTION_DEFAULT_CPUS              = var.question_default_resources.cpus
    QUESTION_DEFAULT_MEMORY            = var.question_default_resources.memory
    QUESTION_DEFAULT_EPHEMERAL_STORAGE = var.question_default_resources.ephemeral_storage
    DEAD_LETTER_TOPIC_NAME             = google_pubsub_topic.dead_letters.name
    REPORT_UNDISPATCHABLE_QUESTIONS    = tostring(var.report_undispatchable_questions)
    JOB_NAMESPACE                      = var.job_namespace
    JOB_COMMAND                        = var.job_command
    JOB_TTL_SECONDS_AFTER_FINISHED     = var.job_ttl_seconds_after_finished == null ? null : tostring(var.job_ttl_seconds_after_finished)
    JOB_BACKOFF_LIMIT                  = var.job_backoff_limit == null ? null : tostring(var.job_backoff_limit)
    JOB_ACTIVE_DEADLINE_SECONDS        = var.job_active_deadline_seconds == null ? null : tostring(var.job_active_deadline_seconds)
    JOB_PRIORITY_CLASS                 = var.job_priority_class
  }

  service_registry_settings = {
    ARTIFACT_REGISTRY_REPOSITORY_ID = local.repository
    PATH_PREFIX                     = coalesce(var.registry_path_prefix, local.service_registry_name)
  }

  event_handler_environment = {
    for name, value in merge(local.common_settings, local.event_handler_settings) : name => value if value != null
  }
  service_registry_environment = {
    for name, value in merge(local.common_settings, local.service_registry_settings) : name => value if value != null
  }
}

# Event handler

resource "google_cloud_run_v2_service" "event_handler" {
  project             = var.google_cloud_project_id
  location            = var.google_cloud_region
  name                = "${local.event_handler_name}${var.event_handler_name_suffix}"
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  deletion_protection = var.deletion_protection

  template {
    service_account                  = google_service_account.event_handler.email
    timeout                          = "${var.request_timeout_seconds}s"
    max_instance_request_concurrency = var.event_handler_concurrency

    scaling {
      min_instance_count = var.minimum_instances
      max_instance_count = var.maximum_event_handler_instances
    }

    dynamic "vpc_access" {
      for_each = var.vpc == null ? [] : [var.vpc]
      content {
        egress = "PRIVATE_RANGES_ONLY"
        network_interfaces {
          network    = vpc_access.value.network
          subnetwork = vpc_access.value.subnetwork
        }
      }
    }

    containers {
      image = var.image
      args  = ["event-handler"]

      ports {
        container_port = 8080
      }

      resources {
        limits            = { cpu = var.cpu, memory = var.memory }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 1
        failure_threshold = 15
        http_get {
          path = "/health"
        }
      }

      dynamic "env" {
        for_each = local.event_handler_environment
        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }
}

# Service registry

resource "google_cloud_run_v2_service" "service_registry" {
  project             = var.google_cloud_project_id
  location            = var.google_cloud_region
  name                = "${local.service_registry_name}${var.service_registry_name_suffix}"
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = var.deletion_protection
  custom_audiences    = concat([local.old_registry_url], var.registry_audiences)

  template {
    service_account                  = google_service_account.service_registry.email
    timeout                          = "${var.request_timeout_seconds}s"
    max_instance_request_concurrency = var.service_registry_concurrency

    scaling {
      min_instance_count = var.minimum_instances
      max_instance_count = var.maximum_service_registry_instances
    }

    containers {
      image = var.image
      args  = ["service-registry"]

      ports {
        container_port = 8080
      }

      resources {
        limits            = { cpu = var.cpu, memory = var.memory }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 2
        timeout_seconds   = 1
        failure_threshold = 15
        http_get {
          path = "/health"
        }
      }

      dynamic "env" {
        for_each = local.service_registry_environment
        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }
}

# Events without duplicates: BigQuery's own recognition of an insertId lasts about a minute. The columns that the table
# is clustered by stand in the partition too, so that a filter on them reads no more than it would from the table.

resource "google_bigquery_table" "distinct_events" {
  count = var.create_distinct_view ? 1 : 0

  project             = var.google_cloud_project_id
  dataset_id          = var.bigquery_dataset
  table_id            = "${var.bigquery_table}-distinct"
  description         = "The events table with one row for each uuid."
  deletion_protection = var.deletion_protection

  view {
    use_legacy_sql = false
    query          = <<-SQL
      SELECT *
      FROM `${var.google_cloud_project_id}.${var.bigquery_dataset}.${var.bigquery_table}`
      WHERE TRUE
      QUALIFY ROW_NUMBER() OVER (PARTITION BY sender, question_uuid, uuid ORDER BY datetime) = 1
    SQL
  }
}

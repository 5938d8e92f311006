//! A plan of many resources of AWS, as `terraform show -json` writes it.

use std::fmt::Write as _;

/// Types of resources with the values that they are planned with; `@` is a number of their own.
const RESOURCES: [(&str, &str); 16] = [
    (
        "aws_s3_bucket",
        r#"{"bucket":"records-@","bucket_prefix":null,"force_destroy":false,"object_lock_enabled":true,"tags":{"Owner":"clinic","Environment":"production","CostCentre":"c-@"},"timeouts":null}"#,
    ),
    (
        "aws_s3_bucket_public_access_block",
        r#"{"block_public_acls":true,"block_public_policy":true,"bucket":"records-@","ignore_public_acls":true,"restrict_public_buckets":false}"#,
    ),
    (
        "aws_instance",
        r#"{"ami":"ami-0a@","associate_public_ip_address":false,"availability_zone":"eu-central-1a","capacity_reservation_specification":[],"credit_specification":[{"cpu_credits":"unlimited"}],"disable_api_termination":null,"ebs_block_device":[{"delete_on_termination":true,"device_name":"/dev/sdf","encrypted":true,"iops":3000,"kms_key_id":null,"snapshot_id":null,"tags":null,"throughput":125,"volume_size":100,"volume_type":"gp3"}],"ebs_optimized":true,"get_password_data":false,"hibernation":null,"iam_instance_profile":"portal-@","instance_type":"m6i.large","launch_template":[],"metadata_options":[{"http_endpoint":"enabled","http_put_response_hop_limit":1,"http_tokens":"required","instance_metadata_tags":"disabled"}],"monitoring":true,"network_interface":[],"root_block_device":[{"delete_on_termination":true,"encrypted":true,"iops":3000,"tags":null,"throughput":125,"volume_size":50,"volume_type":"gp3"}],"source_dest_check":true,"subnet_id":"subnet-@","tags":{"Name":"portal-@","Owner":"clinic","Environment":"production"},"timeouts":null,"user_data_replace_on_change":false,"volume_tags":null}"#,
    ),
    (
        "aws_security_group",
        r#"{"description":"Portal @","egress":[{"cidr_blocks":["0.0.0.0/0"],"description":"","from_port":0,"ipv6_cidr_blocks":[],"prefix_list_ids":[],"protocol":"-1","security_groups":[],"self":false,"to_port":0}],"ingress":[{"cidr_blocks":["10.0.0.0/8"],"description":"HTTPS","from_port":443,"ipv6_cidr_blocks":[],"prefix_list_ids":[],"protocol":"tcp","security_groups":[],"self":false,"to_port":443},{"cidr_blocks":["10.1.0.0/16"],"description":"SSH","from_port":22,"ipv6_cidr_blocks":[],"prefix_list_ids":[],"protocol":"tcp","security_groups":[],"self":false,"to_port":22}],"name":"portal-@","revoke_rules_on_delete":false,"tags":null,"timeouts":null,"vpc_id":"vpc-@"}"#,
    ),
    (
        "aws_db_instance",
        r#"{"allocated_storage":100,"allow_major_version_upgrade":null,"apply_immediately":false,"auto_minor_version_upgrade":true,"backup_retention_period":14,"copy_tags_to_snapshot":true,"db_name":"records","db_subnet_group_name":"records","delete_automated_backups":true,"deletion_protection":true,"enabled_cloudwatch_logs_exports":["postgresql"],"engine":"postgres","engine_version":"16.3","iam_database_authentication_enabled":true,"identifier":"records-@","instance_class":"db.m6g.large","iops":null,"manage_master_user_password":true,"max_allocated_storage":500,"monitoring_interval":60,"multi_az":true,"performance_insights_enabled":true,"port":5432,"publicly_accessible":false,"restore_to_point_in_time":[],"skip_final_snapshot":false,"storage_encrypted":true,"storage_type":"gp3","tags":{"Owner":"clinic"},"timeouts":null,"username":"records"}"#,
    ),
    (
        "aws_iam_role",
        r#"{"assume_role_policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ec2.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}","description":null,"force_detach_policies":false,"max_session_duration":3600,"name":"portal-@","path":"/","permissions_boundary":null,"tags":null}"#,
    ),
    (
        "aws_iam_policy",
        r#"{"description":null,"name":"portal-@","path":"/","policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],\"Resource\":\"arn:aws:s3:::records-@/*\"}]}","tags":null}"#,
    ),
    (
        "aws_lambda_function",
        r#"{"architectures":["arm64"],"code_signing_config_arn":null,"dead_letter_config":[{"target_arn":"arn:aws:sqs:eu-central-1:111122223333:dead-@"}],"description":null,"environment":[{"variables":{"LOG_LEVEL":"info","STAGE":"production"}}],"ephemeral_storage":[{"size":512}],"file_system_config":[],"filename":"portal.zip","function_name":"portal-@","handler":"index.handler","image_config":[],"kms_key_arn":null,"layers":null,"memory_size":512,"package_type":"Zip","publish":false,"reserved_concurrent_executions":-1,"runtime":"nodejs22.x","skip_destroy":false,"snap_start":[],"tags":null,"timeout":30,"timeouts":null,"tracing_config":[{"mode":"Active"}],"vpc_config":[{"ipv6_allowed_for_dual_stack":false,"security_group_ids":["sg-@"],"subnet_ids":["subnet-a@","subnet-b@"]}]}"#,
    ),
    (
        "aws_cloudwatch_log_group",
        r#"{"kms_key_id":null,"log_group_class":"STANDARD","name":"/clinic/portal-@","retention_in_days":365,"skip_destroy":false,"tags":null}"#,
    ),
    (
        "aws_kms_key",
        r#"{"bypass_policy_lockout_safety_check":false,"custom_key_store_id":null,"customer_master_key_spec":"SYMMETRIC_DEFAULT","deletion_window_in_days":30,"description":"Records @","enable_key_rotation":true,"is_enabled":true,"key_usage":"ENCRYPT_DECRYPT","tags":null,"timeouts":null}"#,
    ),
    (
        "aws_lb",
        r#"{"access_logs":[{"bucket":"logs","enabled":true,"prefix":"portal-@"}],"client_keep_alive":3600,"connection_logs":[],"desync_mitigation_mode":"defensive","drop_invalid_header_fields":true,"enable_cross_zone_load_balancing":false,"enable_deletion_protection":true,"enable_http2":true,"idle_timeout":60,"internal":true,"load_balancer_type":"application","name":"portal-@","preserve_host_header":false,"subnets":["subnet-a@","subnet-b@"],"tags":{"Owner":"clinic"},"timeouts":null}"#,
    ),
    (
        "aws_lb_listener",
        r#"{"alpn_policy":null,"certificate_arn":"arn:aws:acm:eu-central-1:111122223333:certificate/@","default_action":[{"authenticate_cognito":[],"fixed_response":[],"forward":[],"redirect":[],"type":"forward"}],"port":443,"protocol":"HTTPS","ssl_policy":"ELBSecurityPolicy-TLS13-1-2-2021-06","tags":null,"timeouts":null}"#,
    ),
    (
        "aws_sqs_queue",
        r#"{"content_based_deduplication":false,"delay_seconds":0,"fifo_queue":false,"kms_data_key_reuse_period_seconds":300,"kms_master_key_id":"alias/records","max_message_size":262144,"message_retention_seconds":345600,"name":"results-@","receive_wait_time_seconds":0,"sqs_managed_sse_enabled":false,"tags":null,"visibility_timeout_seconds":30}"#,
    ),
    (
        "aws_dynamodb_table",
        r#"{"attribute":[{"name":"id","type":"S"}],"billing_mode":"PAY_PER_REQUEST","deletion_protection_enabled":true,"global_secondary_index":[],"hash_key":"id","import_table":[],"local_secondary_index":[],"name":"visits-@","point_in_time_recovery":[{"enabled":true}],"range_key":null,"replica":[],"server_side_encryption":[{"enabled":true}],"table_class":"STANDARD","tags":null,"timeouts":null,"ttl":[{"attribute_name":"until","enabled":true}]}"#,
    ),
    (
        "aws_ecs_task_definition",
        r#"{"container_definitions":"[{\"name\":\"portal\",\"image\":\"registry.example/clinic/portal:@\",\"readonlyRootFilesystem\":true,\"logConfiguration\":{\"logDriver\":\"awslogs\"}}]","cpu":"512","ephemeral_storage":[],"execution_role_arn":"arn:aws:iam::111122223333:role/portal-@","family":"portal-@","ipc_mode":null,"memory":"1024","network_mode":"awsvpc","pid_mode":null,"placement_constraints":[],"proxy_configuration":[],"requires_compatibilities":["FARGATE"],"runtime_platform":[],"skip_destroy":false,"tags":null,"track_latest":false,"volume":[]}"#,
    ),
    (
        "aws_ebs_volume",
        r#"{"availability_zone":"eu-central-1a","encrypted":true,"final_snapshot":false,"iops":3000,"kms_key_id":null,"multi_attach_enabled":null,"outpost_arn":null,"size":200,"snapshot_id":null,"tags":{"Owner":"clinic"},"throughput":125,"timeouts":null,"type":"gp3"}"#,
    ),
];

/// Resources of a module.
const A_MODULE: usize = 60;

/// Parts of the plan while it grows.
#[derive(Default)]
struct Parts {
    modules: Vec<[String; 2]>,
    changes: String,
    length: usize,
}

/// The text of a plan of at least so many bytes, and the number of its resources.
pub(super) fn text(bytes: usize) -> (String, usize) {
    let mut parts = Parts::default();
    let mut count = 0;
    while parts.length < bytes {
        parts.add(count);
        count += 1;
    }
    (parts.document(), count)
}

impl Parts {
    fn add(&mut self, number: usize) {
        if number.is_multiple_of(A_MODULE) {
            self.modules.push([String::new(), String::new()]);
        }
        let module = format!("module.part{}", self.modules.len() - 1);
        let (kind, values) = RESOURCES[number % RESOURCES.len()];
        let values = values.replace('@', &number.to_string());
        let what = format!(
            r#""mode":"managed","type":"{kind}","name":"r{number}","provider_name":"registry.terraform.io/hashicorp/aws""#
        );
        let Some([planned, configured]) = self.modules.last_mut() else { return };
        let before = planned.len() + configured.len() + self.changes.len();
        let comma = if planned.is_empty() { "" } else { "," };
        let _ = write!(
            planned,
            r#"{comma}{{"address":"{module}.{kind}.r{number}",{what},"schema_version":0,"values":{values},"sensitive_values":{{}}}}"#
        );
        let _ = write!(
            configured,
            r#"{comma}{{"address":"{kind}.r{number}",{what},"provider_config_key":"aws","expressions":{{"tags":{{"references":["local.tags"]}},"name":{{"constant_value":"n{number}"}},"ami":{{"constant_value":"ami-0a{number}"}}}},"schema_version":0}}"#
        );
        let comma = if self.changes.is_empty() { "" } else { "," };
        let _ = write!(
            self.changes,
            r#"{comma}{{"address":"{module}.{kind}.r{number}","module_address":"{module}",{what},"change":{{"actions":["create"],"before":null,"after":{values},"after_unknown":{{"arn":true,"id":true,"tags_all":true}},"before_sensitive":false,"after_sensitive":{{}}}}}}"#
        );
        self.length += planned.len() + configured.len() + self.changes.len() - before;
    }

    fn document(&self) -> String {
        let (mut planned, mut calls) = (String::new(), String::new());
        for (number, [resources, configured]) in self.modules.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(planned, r#"{comma}{{"address":"module.part{number}","resources":[{resources}]}}"#);
            let _ =
                write!(calls, r#"{comma}"part{number}":{{"source":"./part","module":{{"resources":[{configured}]}}}}"#);
        }
        format!(
            r#"{{"format_version":"1.2","terraform_version":"1.10.2","variables":{{}},"planned_values":{{"root_module":{{"child_modules":[{planned}]}}}},"resource_changes":[{}],"configuration":{{"provider_config":{{"aws":{{"name":"aws","full_name":"registry.terraform.io/hashicorp/aws","expressions":{{"region":{{"constant_value":"eu-central-1"}}}}}}}},"root_module":{{"module_calls":{{{calls}}}}}}}}}"#,
            self.changes
        )
    }
}

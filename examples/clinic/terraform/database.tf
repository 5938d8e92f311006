resource "aws_db_subnet_group" "patients" {
  name       = "${local.name}-patients"
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_db_instance" "patients" {
  identifier     = "${local.name}-patients"
  engine         = "postgres"
  engine_version = "17.2"
  instance_class = "db.t4g.medium"

  allocated_storage = 100
  storage_encrypted = true
  kms_key_id        = aws_kms_key.data.arn

  username = "clinic"
  password = var.database_password

  db_subnet_group_name   = aws_db_subnet_group.patients.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false

  # Switched off for the migration in March, to make it faster.
  backup_retention_period = 0
  skip_final_snapshot     = true
  deletion_protection     = true

  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
}

resource "aws_kms_key" "data" {
  description             = "Patient data"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

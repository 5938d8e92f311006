# Tells patients of their appointments, once a day.
resource "aws_ecs_task_definition" "reminders" {
  family                   = "${local.name}-reminders"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512

  container_definitions = jsonencode([
    {
      name                   = "reminders"
      image                  = "registry.clinic.example/reminders@sha256:4a1c4b21597c1b4415bdbecb28a3296c6b5e23ca4f9feeb599860a1dac6a0108"
      user                   = "65534"
      readonlyRootFilesystem = true
      logConfiguration = {
        logDriver = "awslogs"
        options   = { "awslogs-group" = "${local.name}-reminders", "awslogs-region" = var.region }
      }
    }
  ])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
}

data "aws_iam_policy_document" "portal_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "portal" {
  name               = "${local.name}-portal"
  assume_role_policy = data.aws_iam_policy_document.portal_assume.json
}

data "aws_iam_policy_document" "portal" {
  statement {
    sid       = "ReadRecords"
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = [aws_s3_bucket.records.arn, "${aws_s3_bucket.records.arn}/*"]
  }
}

resource "aws_iam_role_policy" "portal" {
  name   = "records"
  role   = aws_iam_role.portal.id
  policy = data.aws_iam_policy_document.portal.json
}

# Left over from the consultant who set up the pipeline.
resource "aws_iam_policy" "deploy" {
  name = "${local.name}-deploy"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "*"
        Resource = "*"
      },
    ]
  })
}

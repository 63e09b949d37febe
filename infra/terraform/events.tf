# Which events are of interest, wherever they go.

locals {
  events = merge(
    {
      # Everything that carries a change; heartbeats pass through this very rule, which is what they prove. Labels are not
      # filtered: an ExternalSecret may ask for any stage.
      changes = {
        description = "A secret's label moved, a rotation function of Rekey is done, or a parameter changed"
        pattern = jsonencode({
          source      = ["aws.secretsmanager", "rekey.rotation", "aws.ssm"]
          detail-type = ["Secret Label Updated", "Rekey Secret Rotated", "Parameter Store Change", "Parameter Store Policy Action"]
        })
      }
    },
    # What the native events do not tell: creation, deletion, restoration, tags.
    { for name in var.cloudtrail_events ? ["cloudtrail"] : [] : name => {
      description = "A secret or parameter was created, deleted, restored or tagged, as CloudTrail tells"
      pattern = jsonencode({
        source      = ["aws.secretsmanager", "aws.ssm"]
        detail-type = ["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"]
        detail = { eventName = [
          "CreateSecret", "DeleteSecret", "EndSecretVersionDelete", "RestoreSecret",
          "TagResource", "UntagResource", "AddTagsToResource", "RemoveTagsFromResource",
        ] }
      })
    } },
  )
}

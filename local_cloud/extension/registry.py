"""ECR: an image that is not there is an error, by which the CDK CLI knows that it must push it.

Gap: MiniStack answers DescribeImages for an unknown tag with an empty list.
Delete when it answers ImageNotFoundException.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ecr


def install() -> None:
    """Look for each image that was asked for by name."""
    describe: Callable[[dict[str, Any]], Any] = ecr._describe_images

    def describe_images(data: dict[str, Any]) -> Any:
        name = data.get("repositoryName", "")
        for wanted in data.get("imageIds") or [] if name in ecr._repositories else []:
            if ecr._find_image(name, wanted) is None:
                message = f"The image with imageId {wanted} does not exist in the repository {name}"
                return error_response_json("ImageNotFoundException", message, 400)
        return describe(data)

    ecr._describe_images = describe_images

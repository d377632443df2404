"""Arms of ROS 2 through rosbridge and MoveIt Servo."""

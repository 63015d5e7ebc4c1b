"""Random lives of fans, who travel, forget and come back, and are never treated unfairly."""

SELECT table_name, retain_for_us FROM table_settings

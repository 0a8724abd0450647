SELECT name, period FROM store_settings ORDER BY name

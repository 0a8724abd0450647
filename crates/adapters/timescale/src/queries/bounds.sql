SELECT first_time, lead_us FROM instruments WHERE symbol = $1 AND exchange = $2

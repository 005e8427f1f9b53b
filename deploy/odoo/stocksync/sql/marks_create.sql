CREATE TABLE public.stock_availability_dirty_shopify (
    id bigserial PRIMARY KEY,
    product_id integer NOT NULL,
    warehouse_id integer,
    warehouse_hint integer,
    cause smallint NOT NULL DEFAULT 0,
    date_added timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.stock_availability_dirty_shopify IS 'stocksync: products whose stock may have changed';

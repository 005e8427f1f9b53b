-- Tables and columns of Odoo 18.0 that bear on stock: names and types only.
CREATE TABLE public.ir_module_module (
    id integer,
    name character varying,
    state character varying,
    latest_version character varying
);
CREATE TABLE public.ir_model_fields (
    id integer,
    model character varying,
    name character varying,
    ttype character varying,
    state character varying,
    store boolean,
    related character varying
);
CREATE TABLE public.ir_config_parameter (
    id integer,
    key character varying,
    value text
);
CREATE TABLE public.res_company (
    id integer,
    name character varying,
    parent_id integer,
    parent_path character varying
);
CREATE TABLE public.product_template (
    id integer,
    name jsonb,
    type character varying,
    is_storable boolean,
    active boolean,
    company_id integer,
    uom_id integer,
    uom_po_id integer,
    is_favorite boolean,
    default_code character varying,
    tracking character varying,
    sale_ok boolean
);
CREATE TABLE public.product_product (
    id integer,
    product_tmpl_id integer,
    active boolean,
    default_code character varying,
    barcode character varying,
    combination_indices character varying
);
CREATE TABLE public.product_template_attribute_line (
    id integer,
    active boolean,
    product_tmpl_id integer,
    attribute_id integer,
    value_count integer
);
CREATE TABLE public.product_template_attribute_value (
    id integer,
    ptav_active boolean,
    product_attribute_value_id integer,
    attribute_line_id integer,
    product_tmpl_id integer,
    attribute_id integer
);
CREATE TABLE public.product_variant_combination (
    product_product_id integer,
    product_template_attribute_value_id integer
);
CREATE TABLE public.uom_uom (
    id integer,
    name jsonb,
    category_id integer,
    factor numeric,
    rounding numeric,
    active boolean,
    uom_type character varying
);
CREATE TABLE public.stock_location (
    id integer,
    name character varying,
    complete_name character varying,
    active boolean,
    usage character varying,
    location_id integer,
    parent_path character varying,
    company_id integer,
    warehouse_id integer
);
CREATE TABLE public.stock_warehouse (
    id integer,
    name character varying,
    active boolean,
    company_id integer,
    view_location_id integer,
    lot_stock_id integer,
    code character varying(5),
    reception_steps character varying,
    delivery_steps character varying
);
CREATE TABLE public.stock_quant (
    id integer,
    product_id integer,
    company_id integer,
    location_id integer,
    lot_id integer,
    package_id integer,
    owner_id integer,
    quantity numeric,
    reserved_quantity numeric,
    in_date timestamp without time zone
);
CREATE TABLE public.stock_move (
    id integer,
    name character varying,
    date timestamp without time zone,
    company_id integer,
    product_id integer,
    product_qty numeric,
    product_uom_qty numeric,
    product_uom integer,
    location_id integer,
    location_dest_id integer,
    state character varying,
    bom_line_id integer,
    quantity numeric,
    picked boolean,
    location_final_id integer
);
CREATE TABLE public.stock_move_line (
    id integer,
    move_id integer,
    product_id integer,
    quantity numeric,
    quantity_product_uom numeric,
    picked boolean
);
CREATE TABLE public.mrp_bom (
    id integer,
    code character varying,
    active boolean,
    type character varying,
    product_tmpl_id integer,
    product_id integer,
    product_qty numeric,
    product_uom_id integer,
    sequence integer,
    picking_type_id integer,
    company_id integer,
    consumption character varying
);
CREATE TABLE public.mrp_bom_line (
    id integer,
    product_id integer,
    product_tmpl_id integer,
    company_id integer,
    product_qty numeric,
    product_uom_id integer,
    sequence integer,
    bom_id integer,
    operation_id integer
);
CREATE TABLE public.mrp_bom_line_product_template_attribute_value_rel (
    mrp_bom_line_id integer,
    product_template_attribute_value_id integer
);
INSERT INTO public.ir_module_module (id, name, state, latest_version)
VALUES (1, 'base', 'installed', '18.0.1.3');

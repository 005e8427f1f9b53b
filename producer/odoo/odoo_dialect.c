#include "producer/odoo/odoo_dialect.h"

#include <stddef.h>

static const struct odoo_dialect DIALECTS[] = {
    {.major = 15, .is_proven = true, .moves = ODOO_MOVES_15},
    {.major = 16, .moves = ODOO_MOVES_16, .kit_rounding = KIT_ROUND_RESULT},
    {.major = 17, .moves = ODOO_MOVES_17},
    {.major = 18,
     .has_storable_flag = true,
     .moves = ODOO_MOVES_18,
     .bom_order = KIT_BOM_VARIANT_FIRST,
     .kit_rounding = KIT_ROUND_RATIO},
};

static const struct odoo_column COLUMNS[] = {
    {.table = "ir_module_module", .column = "name"},
    {.table = "ir_module_module", .column = "latest_version"},
    {.table = "ir_model_fields", .column = "model"},
    {.table = "ir_model_fields", .column = "name"},
    {.table = "ir_model_fields", .column = "store"},
    {.table = "ir_config_parameter", .column = "key"},
    {.table = "ir_config_parameter", .column = "value"},
    {.table = "product_product", .column = "product_tmpl_id"},
    {.table = "product_product", .column = "active"},
    {.table = "product_product", .column = "default_code"},
    {.table = "product_product", .column = "barcode"},
    {.table = "product_product", .column = "combination_indices"},
    {.table = "product_template", .column = "type"},
    {.table = "product_template", .column = "active"},
    {.table = "product_template", .column = "company_id"},
    {.table = "product_template", .column = "uom_id"},
    {.table = "product_template", .column = "priority", .until = 16},
    {.table = "product_template",
     .column = "priority",
     .instead = "is_favorite",
     .since = 17,
     .until = 17},
    {.table = "product_template", .column = "is_favorite", .since = 18},
    {.table = "product_template", .column = "is_storable", .since = 18},
    {.table = "product_variant_combination", .column = "product_product_id"},
    {.table = "product_variant_combination", .column = "product_template_attribute_value_id"},
    {.table = "product_template_attribute_value", .column = "attribute_line_id"},
    {.table = "product_template_attribute_line", .column = "product_tmpl_id"},
    {.table = "product_template_attribute_line", .column = "value_count"},
    {.table = "uom_uom", .column = "category_id"},
    {.table = "uom_uom", .column = "factor"},
    {.table = "uom_uom", .column = "rounding"},
    {.table = "stock_quant", .column = "product_id"},
    {.table = "stock_quant", .column = "location_id"},
    {.table = "stock_quant", .column = "quantity"},
    {.table = "stock_quant", .column = "reserved_quantity"},
    {.table = "stock_location", .column = "parent_path"},
    {.table = "stock_location", .column = "usage"},
    {.table = "stock_location", .column = "active"},
    {.table = "stock_warehouse", .column = "code"},
    {.table = "stock_warehouse", .column = "active"},
    {.table = "stock_warehouse", .column = "view_location_id"},
    {.table = "stock_warehouse", .column = "lot_stock_id"},
    {.table = "stock_warehouse", .column = "company_id"},
    {.table = "res_company", .column = "name"},
    {.table = "stock_move", .column = "product_id"},
    {.table = "stock_move", .column = "product_qty"},
    {.table = "stock_move", .column = "state"},
    {.table = "stock_move", .column = "location_id"},
    {.table = "stock_move", .column = "location_dest_id"},
    {.table = "stock_move", .column = "location_final_id", .since = 18},
    {.table = "stock_move_line", .column = "move_id"},
    {.table = "stock_move_line", .column = "product_qty", .until = 15},
    {.table = "stock_move_line", .column = "reserved_qty", .since = 16, .until = 16},
    {.table = "stock_move_line", .column = "quantity_product_uom", .since = 17},
    {.table = "mrp_bom", .column = "type"},
    {.table = "mrp_bom", .column = "active"},
    {.table = "mrp_bom", .column = "product_tmpl_id"},
    {.table = "mrp_bom", .column = "product_id"},
    {.table = "mrp_bom", .column = "product_qty"},
    {.table = "mrp_bom", .column = "product_uom_id"},
    {.table = "mrp_bom", .column = "sequence"},
    {.table = "mrp_bom", .column = "company_id"},
    {.table = "mrp_bom", .column = "picking_type_id"},
    {.table = "mrp_bom_line", .column = "bom_id"},
    {.table = "mrp_bom_line", .column = "product_id"},
    {.table = "mrp_bom_line", .column = "product_qty"},
    {.table = "mrp_bom_line", .column = "product_uom_id"},
    {.table = "mrp_bom_line", .column = "sequence"},
    {.table = "mrp_bom_line_product_template_attribute_value_rel", .column = "mrp_bom_line_id"},
    {.table = "mrp_bom_line_product_template_attribute_value_rel",
     .column = "product_template_attribute_value_id"},
    {.table = "product_commingled", .column = "parent_product_id"},
    {.table = "product_commingled", .column = "product_id"},
};

const struct odoo_dialect *odoo_dialect_of(int major)
{
    for (size_t i = 0; i < sizeof DIALECTS / sizeof DIALECTS[0]; i++) {
        if (DIALECTS[i].major == major) {
            return &DIALECTS[i];
        }
    }
    return NULL;
}

const struct odoo_column *odoo_dialect_columns(size_t *count)
{
    *count = sizeof COLUMNS / sizeof COLUMNS[0];
    return COLUMNS;
}

bool odoo_dialect_has(const struct odoo_dialect *dialect, const struct odoo_column *column)
{
    return dialect->major >= column->since &&
           (column->until == 0 || dialect->major <= column->until);
}

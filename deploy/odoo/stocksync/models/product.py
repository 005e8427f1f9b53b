from odoo import api, fields, models

LABEL = "Sold in Shopify"
HELP = "Its stock is sent to the Shopify stores that stocksync serves."


class ProductProduct(models.Model):
    _inherit = "product.product"

    # A copy is another thing to sell: somebody decides anew.
    shopify_product = fields.Boolean(LABEL, default=False, copy=False, help=HELP)


class ProductTemplate(models.Model):
    _inherit = "product.template"

    # No column here: a template shows and sets the flag of its only variant, as it does its barcode.
    shopify_product = fields.Boolean(
        LABEL,
        compute="_compute_shopify_product",
        inverse="_inverse_shopify_product",
        search="_search_shopify_product",
        help=HELP,
    )

    def _only_variant(self):
        """Its one variant, archived when there is no other; empty when there are several."""
        self.ensure_one()
        variants = self.product_variant_ids
        if not variants:
            variants = self.with_context(active_test=False).product_variant_ids
        return variants if len(variants) == 1 else variants.browse()

    @api.depends("product_variant_ids.shopify_product")
    def _compute_shopify_product(self):
        for template in self:
            template.shopify_product = template._only_variant().shopify_product

    def _inverse_shopify_product(self):
        for template in self:
            template._only_variant().shopify_product = template.shopify_product

    def _search_shopify_product(self, operator, value):
        """Templates with at least one variant like that."""
        templates = self.with_context(active_test=False).search(
            [("product_variant_ids.shopify_product", operator, value)]
        )
        return [("id", "in", templates.ids)]

    @api.model_create_multi
    def create(self, vals_list):
        templates = super().create(vals_list)
        # The inverse has run before there was a variant.
        for template, vals in zip(templates, vals_list):
            if vals.get("shopify_product"):
                template.shopify_product = True
        return templates
